import type { Findings, Modality } from "../api/types";
import { foundKinds } from "../common/findings";
import { capitalised } from "../common/format";
import { Hatching } from "../common/Hatching";
import { texts } from "../texts";
import classes from "./ScanView.module.css";

/** Which hatching stands for what, of what was found. */
export function Legend({ findings, modality }: { findings: Findings; modality: Modality | undefined }) {
  return (
    <ul className={classes.legend} data-testid="findings-legend" aria-label={texts.findings.title}>
      {foundKinds(findings, modality).map(({ kind, title, colour, hatch }) => (
        <li key={kind}>
          <Hatching colour={colour} hatch={hatch} />
          {capitalised(title)}
        </li>
      ))}
    </ul>
  );
}
