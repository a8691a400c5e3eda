import { Group } from "@mantine/core";

import { NumberField } from "../common/NumberField";
import { texts } from "../texts";
import type { ASKED, Details } from "./uploads";

interface Props {
  names: (typeof ASKED)[number][];
  details: Details;
  onChange: (values: Partial<Details>) => void;
  file: string;
}

/** The server takes what has a meaning; this only keeps slips of the finger away. */
const NUMBERS = { min: 1, max: 100_000 };

/** Fields for what the server asks about a file that doesn't say how it is to be read. */
export function AskedFields({ names, details, onChange, file }: Props) {
  if (names.length === 0) return null;
  return (
    <Group grow align="flex-start" gap="xs" mt="xs">
      {names.map((name) => (
        <NumberField
          key={name}
          size="xs"
          label={texts.upload.asked[name]}
          aria-label={texts.upload.of(texts.upload.asked[name], file)}
          range={NUMBERS}
          text={details[name]}
          onText={(text) => onChange({ [name]: text })}
        />
      ))}
    </Group>
  );
}
