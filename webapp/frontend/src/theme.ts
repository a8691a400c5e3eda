import { Alert, createTheme, type CSSVariablesResolver, Drawer, Modal } from "@mantine/core";

import { texts } from "./texts";

const closeButtonProps = { "aria-label": texts.common.close };

export const theme = createTheme({
  primaryColor: "teal",
  primaryShade: { light: 8, dark: 5 },
  autoContrast: true,
  defaultRadius: "md",
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Alert: Alert.extend({ styles: { title: { color: "var(--mantine-color-text)" } } }),
    Drawer: Drawer.extend({ defaultProps: { closeButtonProps } }),
    Modal: Modal.extend({ defaultProps: { closeButtonProps } }),
  },
});

/** Quiet and warning texts with the contrast of 4.5 to 1 that WCAG 2.2 (criterion 1.4.3) asks for. */
export const readableColours: CSSVariablesResolver = (given) => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": given.colors.gray[7],
    "--mantine-color-placeholder": given.colors.gray[7],
    "--mantine-color-error": given.colors.red[9],
    "--mantine-color-anchor": given.colors.teal[9],
  },
  dark: {
    "--mantine-color-dimmed": given.colors.dark[1],
    "--mantine-color-placeholder": given.colors.dark[1],
    "--mantine-color-error": given.colors.red[4],
    "--mantine-color-anchor": given.colors.teal[3],
  },
});
