import { Anchor } from "@mantine/core";

import { useGateVerdict } from "../api/gates";
import type { Scan } from "../api/types";
import { texts } from "../texts";

const { gate: words } = texts.reading;

/** The version that answered; with what its gate said, and a link to all of that, for those who manage versions. */
export function ModelVersion({ model }: { model: NonNullable<Scan["model"]> }) {
  const gate = useGateVerdict(model.name, model.version);
  const version = texts.reading.model(model.name, model.version);
  if (!gate) return version;
  const said = gate.passed === null ? words.unreadable : gate.passed ? words.passed : words.notPassed;
  return (
    <>
      {version}
      <br />
      <Anchor href={gate.page} inherit underline="always">
        {said(gate.against)}
      </Anchor>
    </>
  );
}
