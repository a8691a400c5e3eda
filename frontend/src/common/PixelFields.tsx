import { Group } from "@mantine/core";

import { texts } from "../texts";
import { PIXEL_SIZES, PIXEL_UM, type PixelTexts } from "./number";
import { NumberField } from "./NumberField";

interface Props {
  /** As they were typed. */
  sizes: PixelTexts;
  onChange: (typed: Partial<PixelTexts>) => void;
  /** Of which file, where there are several. */
  file?: string | undefined;
}

/** The width and the height of a scan's pixels. */
export function PixelFields({ sizes, onChange, file }: Props) {
  return (
    <Group grow align="flex-start">
      {PIXEL_SIZES.map((name) => (
        <NumberField
          key={name}
          label={texts.details[name]}
          {...(file !== undefined && {
            size: "xs",
            "aria-label": texts.upload.of(texts.details[name], file),
          })}
          range={PIXEL_UM}
          text={sizes[name]}
          onText={(text) => onChange({ [name]: text })}
        />
      ))}
    </Group>
  );
}
