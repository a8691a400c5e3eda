import { Alert, Button, Modal, PasswordInput, Stack, Text } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { openAdministration } from "../api/accounts";
import { texts } from "../texts";

interface Props {
  username: string;
  opened: boolean;
  onClose: () => void;
}

/** Asks for the password again before the administration opens: a page that was left open opens nothing more. */
export function AdministrationDialog({ username, opened, onClose }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title={texts.shell.administration} centered>
      <PasswordForm username={username} />
    </Modal>
  );
}

function PasswordForm({ username }: { username: string }) {
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setProblem("");
    try {
      await openAdministration(password);
      window.location.assign("/admin/");
    } catch (error) {
      setProblem((error as Error).message);
      setPassword("");
      setBusy(false);
    }
  }

  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <Stack>
        <Text c="dimmed">{texts.shell.administrationHelp}</Text>
        {problem && (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        )}
        {/* For those who keep passwords in the browser: whose password it is. */}
        <input type="text" autoComplete="username" value={username} readOnly hidden />
        <PasswordInput
          label={texts.shell.password}
          autoComplete="current-password"
          data-autofocus
          required
          withAsterisk={false}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          visibilityToggleButtonProps={{ "aria-label": texts.shell.showPassword }}
        />
        <Button type="submit" loading={busy} disabled={!password}>
          {texts.shell.openAdministration}
        </Button>
      </Stack>
    </form>
  );
}
