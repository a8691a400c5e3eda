import { Alert, Button, Card, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { signIn } from "../api/session";
import { texts } from "../texts";

/** Asks for name and password. */
export function SignIn({ again = false }: { again?: boolean }) {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setProblem("");
    try {
      await signIn(username.trim(), password);
    } catch (error) {
      setProblem((error as Error).message);
      setPassword("");
    } finally {
      setBusy(false);
    }
  }

  return (
    <Card withBorder={!again} padding="xl" radius="lg" w="100%" maw={400} mx="auto">
      <form onSubmit={(event) => void submit(event)} noValidate>
        <Stack>
          <Title order={1} size="h2">
            {again ? texts.shell.signInAgain : texts.shell.product}
          </Title>
          <Text c="dimmed">{again ? texts.shell.signInAgainHelp : texts.shell.tagline}</Text>
          {problem && (
            <Alert color="red" role="alert">
              {problem}
            </Alert>
          )}
          <TextInput
            label={texts.shell.username}
            autoComplete="username"
            data-autofocus
            required
            withAsterisk={false}
            value={username}
            onChange={(event) => setUsername(event.currentTarget.value)}
          />
          <PasswordInput
            label={texts.shell.password}
            autoComplete="current-password"
            required
            withAsterisk={false}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            visibilityToggleButtonProps={{ "aria-label": texts.shell.showPassword }}
          />
          <Button type="submit" loading={busy} disabled={!username.trim() || !password}>
            {texts.shell.signIn}
          </Button>
          <Text size="sm" c="dimmed">
            {texts.shell.noAccount}
          </Text>
        </Stack>
      </form>
    </Card>
  );
}
