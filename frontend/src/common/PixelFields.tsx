import { Group } from "@mantine/core";
import { useState } from "react";

import { texts } from "../texts";
import { PIXEL_SIZES, type PixelTexts } from "./number";
import { NumberField } from "./NumberField";
import { micrometresOf, pixelRange, sizeSign, typedOf, type Units } from "./units";

interface Props {
  /** In micrometres. What is no number is as it was typed. */
  sizes: PixelTexts;
  onChange: (micrometres: Partial<PixelTexts>) => void;
  /** In which unit they are typed. */
  units: Units;
  /** Of which file, where there are several. */
  file?: string | undefined;
}

/** The width and the height of a scan's pixels, in the unit of its modality. */
export function PixelFields({ units, file, ...of }: Props) {
  return (
    <Group grow align="flex-start">
      {PIXEL_SIZES.map((name) => {
        const label = texts.upload.inUnit(texts.details[name], sizeSign(units));
        return (
          <PixelField
            key={name}
            label={label}
            {...(file !== undefined && { size: "xs", "aria-label": texts.upload.of(label, file) })}
            units={units}
            micrometres={of.sizes[name]}
            onMicrometres={(micrometres) => of.onChange({ [name]: micrometres })}
          />
        );
      })}
    </Group>
  );
}

interface FieldProps extends Omit<Parameters<typeof NumberField>[0], "range" | "text" | "onText"> {
  units: Units;
  micrometres: string;
  onMicrometres: (micrometres: string) => void;
}

/** A field that keeps what was typed, such as "0." on the way to "0.1", as long as it means the same. */
function PixelField({ units, micrometres, onMicrometres, ...look }: FieldProps) {
  const [typed, setTyped] = useState("");
  const text = micrometresOf(typed, units) === micrometres ? typed : typedOf(micrometres, units);
  return (
    <NumberField
      {...look}
      range={pixelRange(units)}
      text={text}
      onText={(changed) => {
        setTyped(changed);
        onMicrometres(micrometresOf(changed, units));
      }}
    />
  );
}
