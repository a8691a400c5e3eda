import {
  Avatar,
  Menu,
  SegmentedControl,
  Stack,
  Switch,
  Text,
  UnstyledButton,
  useMantineColorScheme,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconApi, IconLogout, IconSettings } from "@tabler/icons-react";
import { useState } from "react";

import { useSwitchBlindReading } from "../api/accounts";
import { API_DOCUMENTATION } from "../api/address";
import { signOut } from "../api/session";
import type { Me } from "../api/types";
import { isHeldUp, isRefused, mayLeave, sendUnsent } from "../common/unsaved";
import { texts } from "../texts";
import { AdministrationDialog } from "./AdministrationDialog";

/** The signed-in user, settings of the page, and links to documentation and administration. */
export function UserMenu({ me }: { me: Me }) {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const blind = useSwitchBlindReading();
  const [asksForPassword, dialog] = useDisclosure();
  const [leaving, setLeaving] = useState(false);
  const name = `${me.first_name} ${me.last_name}`.trim() || me.username;

  async function readBlind(reads: boolean) {
    // All data is loaded again then, and what is typed into forms beside it is gone.
    if (await mayLeave()) blind.mutate(reads);
  }

  async function leave() {
    // Told before anything else is asked: nobody is to drop a verdict on a way that is not open.
    if (isHeldUp()) {
      notifications.show({ message: texts.shell.filesLeft });
      return;
    }
    if (!(await mayLeave())) return;
    setLeaving(true);
    try {
      // Without a session nothing can be sent.
      if (!(await sendUnsent())) {
        if (isRefused()) notifications.show({ message: texts.shell.workRefused });
        return;
      }
      await signOut();
      window.location.assign("/");
    } catch {
      notifications.show({ color: "red", message: texts.shell.stillSignedIn });
    } finally {
      setLeaving(false);
    }
  }

  return (
    <>
      <Menu position="bottom-end" width={290} closeOnItemClick={false}>
        <Menu.Target>
          <UnstyledButton title={texts.shell.accountOf(name)} data-testid="user-menu">
            <Avatar
              name={name}
              radius="xl"
              size={36}
              styles={{ placeholder: { color: "var(--mantine-color-text)" } }}
            />
            <span className="visually-hidden">{texts.shell.accountOf(name)}</span>
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <Stack gap={2} px="sm" py="xs">
            <Text fw={600}>{name}</Text>
            <Text size="sm" c="dimmed">
              {texts.shell.roles[me.role]}
              {me.clinic && ` · ${me.clinic}`}
              {me.abilities.includes("may_adjudicate") && ` · ${texts.shell.adjudicator}`}
            </Text>
          </Stack>
          <Menu.Divider />
          <Stack gap="sm" px="sm" py="xs">
            <SegmentedControl
              fullWidth
              size="xs"
              aria-label={texts.shell.appearance}
              value={colorScheme}
              onChange={(value) => setColorScheme(value as "light" | "dark" | "auto")}
              data={(["auto", "light", "dark"] as const).map((value) => ({
                value,
                label: texts.shell.schemes[value],
              }))}
            />
            {me.abilities.includes("may_read") && (
              <Switch
                label={texts.shell.blind}
                description={texts.shell.blindHelp}
                checked={blind.isPending ? blind.variables : me.reads_blind}
                disabled={blind.isPending}
                error={blind.error?.message}
                onChange={(event) => void readBlind(event.currentTarget.checked)}
              />
            )}
          </Stack>
          <Menu.Divider />
          <Menu.Item component="a" href={API_DOCUMENTATION} leftSection={<IconApi size={16} aria-hidden />}>
            {texts.shell.apiDocs}
          </Menu.Item>
          {me.abilities.includes("may_manage") && (
            <Menu.Item
              leftSection={<IconSettings size={16} aria-hidden />}
              closeMenuOnClick
              onClick={dialog.open}
            >
              {texts.shell.administration}
            </Menu.Item>
          )}
          <Menu.Item
            leftSection={<IconLogout size={16} aria-hidden />}
            disabled={leaving}
            onClick={() => void leave()}
          >
            {leaving ? texts.shell.signingOut : texts.shell.signOut}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <AdministrationDialog username={me.username} opened={asksForPassword} onClose={dialog.close} />
    </>
  );
}
