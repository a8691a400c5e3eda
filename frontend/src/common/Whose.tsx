import { Text, type TextProps } from "@mantine/core";

import type { Scan } from "../api/types";
import { texts } from "../texts";
import { formatDay, formatTime } from "./format";
import { useMay } from "./useMe";

interface Props extends TextProps {
  scan: Pick<Scan, "patient_ref" | "eye" | "acquired" | "timestamp">;
}

/** Whose scan it is, which eye's, and of when: in sight wherever a scan is looked at. */
export function Whose({ scan, ...look }: Props) {
  const knowsPatients = useMay("may_see_patients");
  const { whose } = texts.common;
  const patient = scan.patient_ref || (knowsPatients && whose.noPatient);
  const facts = [
    scan.eye ? texts.common.eyes[scan.eye] : whose.noEye,
    scan.acquired ? whose.acquired(formatDay(scan.acquired)) : knowsPatients && whose.noDay,
    scan.timestamp && whose.uploaded(formatTime(scan.timestamp)),
  ].filter(Boolean);
  return (
    <Text size="sm" data-testid="whose" style={{ overflowWrap: "anywhere" }} {...look}>
      {patient && <b>{patient}</b>}
      {patient && " · "}
      {facts.join(" · ")}
    </Text>
  );
}
