import {
  Alert,
  createTheme,
  darken,
  type CSSVariablesResolver,
  defaultVariantColorsResolver,
  Drawer,
  Modal,
  type VariantColorsResolver,
} from "@mantine/core";

import { texts } from "./texts";

const closeButtonProps = { "aria-label": texts.common.close };

/** Mantine's colours, but the text on filled parts follows the scheme in use; Mantine takes the light one's always. */
function variantColorResolver(input: Parameters<VariantColorsResolver>[0]) {
  const colours = defaultVariantColorsResolver(input);
  const primary = !input.color || input.color === input.theme.primaryColor;
  const filled = input.variant === "filled" && primary;
  return filled ? { ...colours, color: "var(--mantine-primary-color-contrast)" } : colours;
}

export const theme = createTheme({
  primaryColor: "teal",
  primaryShade: { light: 9, dark: 5 },
  variantColorResolver,
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

/** Colours of states, quiet texts and warnings, with the contrast of 4.5 to 1 of WCAG 2.2 (criterion 1.4.3). */
export const readableColours: CSSVariablesResolver = (given) => ({
  variables: {},
  light: {
    "--retinote-answered": given.colors.teal[9],
    "--retinote-undecided": given.colors.blue[9],
    "--retinote-not_answered": given.colors.grape[9],
    "--mantine-color-dimmed": given.colors.gray[7],
    "--mantine-color-placeholder": given.colors.gray[7],
    "--mantine-color-error": given.colors.red[9],
    "--mantine-color-anchor": given.colors.teal[9],
    "--mantine-color-teal-light-color": darken(given.colors.teal[9], 0.25),
  },
  dark: {
    "--retinote-answered": given.colors.teal[3],
    "--retinote-undecided": given.colors.blue[3],
    "--retinote-not_answered": given.colors.grape[3],
    "--mantine-color-dimmed": given.colors.dark[1],
    "--mantine-color-placeholder": given.colors.dark[1],
    "--mantine-color-error": given.colors.red[4],
    "--mantine-color-anchor": given.colors.teal[3],
  },
});
