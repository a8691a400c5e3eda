import { Center, Loader, Stack, Text } from "@mantine/core";
import { useEffect, useState } from "react";

const TEXT_AFTER_MS = 1500;

/** A loader; after a moment it says what is being loaded. */
export function Waiting({ text, height = 240 }: { text: string; height?: number | string }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), TEXT_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <Center h={height} role="status" aria-label={text}>
      <Stack align="center" gap="xs">
        <Loader />
        {late && <Text c="dimmed">{text}</Text>}
      </Stack>
    </Center>
  );
}
