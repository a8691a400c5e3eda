import { Button, Container, Stack, Text, Title } from "@mantine/core";
import { Link } from "react-router";

import { texts } from "../texts";

/** Says that there is nothing at this address. */
export function NotFound() {
  return (
    <Container size="xs" py="xl">
      <Stack>
        <Title order={1} size="h2">
          {texts.shell.notFound}
        </Title>
        <Text>{texts.shell.notFoundHelp}</Text>
        <Button component={Link} to="/" w="fit-content">
          {texts.shell.toWorklist}
        </Button>
      </Stack>
    </Container>
  );
}
