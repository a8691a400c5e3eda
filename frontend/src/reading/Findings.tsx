import { Stack, Text } from "@mantine/core";

import { useModality } from "../api/options";
import type { Scan } from "../api/types";
import { CONTRADICTED } from "../common/answer";
import { type FoundKind, foundKinds, lookOf, squareMillimetres } from "../common/findings";
import { capitalised, formatProbability, formatSmallShare } from "../common/format";
import { Hatching } from "../common/Hatching";
import { formatArea, type Units } from "../common/units";
import { useUnits } from "../common/useUnits";
import { texts } from "../texts";
import classes from "./Findings.module.css";
import { Section } from "./Section";

/**
 * What the model thinks it sees, by kind, each with its area; or that it sees nothing, or has no map of findings. Nothing in
 * a modality whose models mark nothing.
 */
export function Findings({ scan }: { scan: Scan }) {
  const { findings, known, because } = scan;
  const modality = useModality(scan.modality);
  if (findings === null) {
    if (modality?.findings.length === 0) return null;
    return (
      <Section title={texts.findings.title} testid="findings">
        <Text size="sm" c="dimmed">
          {texts.findings.noMap}
        </Text>
      </Section>
    );
  }
  const found = foundKinds(findings, modality);
  return (
    <Section title={texts.findings.title} testid="findings">
      {found.length === 0 ? (
        <Text size="sm">
          {texts.findings.none(findings.kinds.map((kind) => lookOf(kind, modality).title).join(", "))}
        </Text>
      ) : (
        <>
          {known === false && <Text size="sm">{texts.findings.strange}</Text>}
          {because === CONTRADICTED && <Text size="sm">{texts.findings.contradict}</Text>}
          <Stack component="ul" gap={6} m={0} p={0} mt={4} className={classes.list}>
            {found.map((one) => (
              <li key={one.kind} data-testid="finding" data-kind={one.kind}>
                <Kind found={one} scan={scan} />
              </li>
            ))}
          </Stack>
          <Text size="xs" c="dimmed" mt={6}>
            {texts.findings.help}
          </Text>
        </>
      )}
    </Section>
  );
}

function Kind({ found, scan }: { found: FoundKind; scan: Scan }) {
  const { title, colour, hatch, share, regions } = found;
  const units = useUnits(scan.modality);
  return (
    <>
      <div className={classes.kind}>
        <Hatching colour={colour} hatch={hatch} />
        <Text size="sm" component="span">
          <b>{capitalised(title)}</b>
          {`: ${area(share, scan, units)}, ${texts.findings.places(regions.length)}`}
        </Text>
      </div>
      <ol className={classes.places}>
        {regions.map((region, index) => (
          <li key={index}>
            {texts.findings.place(
              index + 1,
              area(region.share, scan, units),
              formatProbability(region.confidence),
            )}
          </li>
        ))}
      </ol>
    </>
  );
}

function area(share: number, scan: Scan, units: Units): string {
  const measured = squareMillimetres(share, scan);
  return texts.findings.area(formatSmallShare(share), measured === null ? "" : formatArea(measured, units));
}
