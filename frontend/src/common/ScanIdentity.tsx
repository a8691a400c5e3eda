import { Text, type TextProps } from "@mantine/core";

import type { Scan } from "../api/types";
import { texts } from "../texts";
import { formatDay, formatTime } from "./format";
import { useMay } from "../api/accounts";

interface Props extends TextProps {
  scan: Pick<Scan, "patient_ref" | "eye" | "acquired" | "timestamp">;
}

/** Patient, eye and dates of a scan: shown wherever a scan is looked at. */
export function ScanIdentity({ scan, ...look }: Props) {
  const knowsPatients = useMay("may_see_patients");
  const { identity } = texts.common;
  const patient = scan.patient_ref || (knowsPatients && identity.noPatient);
  const facts = [
    scan.eye ? texts.common.eyes[scan.eye] : identity.noEye,
    scan.acquired ? identity.acquired(formatDay(scan.acquired)) : knowsPatients && identity.noDay,
    scan.timestamp && identity.uploaded(formatTime(scan.timestamp)),
  ].filter(Boolean);
  return (
    <Text size="sm" data-testid="identity" style={{ overflowWrap: "anywhere" }} {...look}>
      {patient && <b>{patient}</b>}
      {patient && " · "}
      {facts.join(" · ")}
    </Text>
  );
}
