import { List, Text } from "@mantine/core";

import type { Scan } from "../api/types";
import { formatOfHundred } from "../common/format";
import { texts } from "../texts";

/** How well the model knows pictures like this one, and the most similar ones; nothing for models that can't tell. */
export function Familiarity({ scan: { familiarity, known, nearest } }: { scan: Scan }) {
  if (familiarity === null) return null;
  const { familiar, unfamiliar, stranger, home, nearest: most } = texts.reading.familiarity;
  return (
    <div data-testid="familiarity">
      <Text size="sm" mt="sm">
        <b>{known ? familiar : unfamiliar}</b> {stranger(formatOfHundred(familiarity))}
      </Text>
      <Text size="xs" c="dimmed">
        {home}
      </Text>
      {nearest.length > 0 && (
        <>
          <Text size="sm" mt={6}>
            {most}
          </Text>
          <List size="sm" spacing={2}>
            {nearest.map((reference) => (
              <List.Item key={reference}>{reference}</List.Item>
            ))}
          </List>
        </>
      )}
    </div>
  );
}
