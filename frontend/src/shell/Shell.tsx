import {
  Box,
  Burger,
  Center,
  Container,
  Group,
  Modal,
  NavLink,
  Drawer,
  Text,
  UnstyledButton,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Notifications } from "@mantine/notifications";
import { IconChartBar, IconEye, IconListDetails, IconUpload } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link, useLocation } from "react-router";

import { Waiting } from "../common/Waiting";
import { useMay, useMe } from "../api/accounts";
import { texts } from "../texts";
import { UploadProvider } from "../upload/UploadProvider";
import { useUploads } from "../upload/useUploads";
import classes from "./Shell.module.css";
import { LeaveGuard } from "./LeaveGuard";
import { SignIn } from "./SignIn";
import { UserMenu } from "./UserMenu";
import { useLeftovers } from "./useLeftovers";
import { useSession } from "./useSession";

/** Over the dialogs, panels and open menus of a page, which have up to 300. */
const OVER_DIALOGS = 310;

/** The frame of every page: header, sign-in, and the notice that this is research software. */
export function Shell({ children }: { children: ReactNode }) {
  const { state, wasSignedIn } = useSession();
  const user = useMe(state === "signed-in")?.id;
  useLeftovers(user);
  if (state === "unknown") return <Waiting text={texts.shell.signingIn} height="100vh" />;
  if (state === "signed-out" && !wasSignedIn) {
    return (
      <Center component="main" mih="100vh" p="md">
        <SignIn />
      </Center>
    );
  }
  return (
    <UploadProvider>
      <Notifications position="bottom-right" />
      <LeaveGuard />
      <a className={classes.skip} href="#content">
        {texts.shell.skip}
      </a>
      <Header />
      <main id="content" tabIndex={-1} className={classes.main}>
        {children}
      </main>
      <footer className={classes.footer}>
        <Text size="xs" ta="center">
          {texts.common.research}
        </Text>
      </footer>
      {/* Over the page and whatever dialog is open, which stay as they are: what is drawn or typed there is not lost. */}
      <Modal
        opened={state === "signed-out"}
        onClose={() => undefined}
        withCloseButton={false}
        zIndex={OVER_DIALOGS}
        centered
      >
        <SignIn again />
      </Modal>
    </UploadProvider>
  );
}

function Header() {
  const [opened, { toggle, close }] = useDisclosure();
  const me = useMe();
  const { open } = useUploads();
  const { pathname } = useLocation();
  const mayUpload = useMay("may_upload");
  const links = [
    { to: "/", label: texts.shell.worklist, Icon: IconListDetails },
    { to: "/dashboard", label: texts.shell.dashboard, Icon: IconChartBar },
  ];
  return (
    <header className={classes.header}>
      <Container size="100%" h="100%" px="md">
        <Group h="100%" justify="space-between" wrap="nowrap">
          <Group gap="lg" wrap="nowrap" h="100%">
            <Burger
              opened={opened}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={texts.shell.menu}
            />
            <UnstyledButton component={Link} to="/" className={classes.brand}>
              <IconEye size={22} aria-hidden />
              <span>{texts.shell.product}</span>
            </UnstyledButton>
            <Group component="nav" gap={4} visibleFrom="sm" aria-label={texts.shell.menu}>
              {links.map(({ to, label }) => (
                <Link
                  key={to}
                  to={to}
                  className={classes.link}
                  aria-current={pathname === to ? "page" : undefined}
                >
                  {label}
                </Link>
              ))}
            </Group>
          </Group>
          <Group gap="xs" wrap="nowrap">
            {mayUpload && (
              <UnstyledButton className={classes.upload} onClick={open} data-testid="open-upload">
                <IconUpload size={16} aria-hidden />
                <span>{texts.upload.open}</span>
              </UnstyledButton>
            )}
            {me && <UserMenu me={me} />}
          </Group>
        </Group>
      </Container>
      <Drawer opened={opened} onClose={close} size="xs" title={texts.shell.product}>
        <Box component="nav" aria-label={texts.shell.menu}>
          {links.map(({ to, label, Icon }) => (
            <NavLink
              key={to}
              component={Link}
              to={to}
              label={label}
              leftSection={<Icon size={18} aria-hidden />}
              active={pathname === to}
              onClick={close}
            />
          ))}
        </Box>
      </Drawer>
    </header>
  );
}
