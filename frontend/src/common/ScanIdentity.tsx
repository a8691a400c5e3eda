import { Text, type TextProps } from "@mantine/core";

import type { Scan } from "../api/types";
import { texts } from "../texts";
import { formatDay, formatTime } from "./format";
import { useMay } from "../api/accounts";
import { useModality } from "../api/options";
import { fieldsInWords, tellsEye } from "./modality";
import { ModalityTag } from "./ModalityTag";

interface Props extends TextProps {
  scan: Pick<Scan, "patient_ref" | "eye" | "acquired" | "timestamp" | "modality" | "fields">;
}

/** Modality, patient, eye and dates of a scan: shown wherever a scan is looked at. */
export function ScanIdentity({ scan, ...look }: Props) {
  const knowsPatients = useMay("may_see_patients");
  const modality = useModality(scan.modality);
  const { identity } = texts.common;
  const patient = scan.patient_ref || (knowsPatients && identity.noPatient);
  const facts = [
    tellsEye(modality, scan.eye) && (scan.eye ? texts.common.eyes[scan.eye] : identity.noEye),
    ...fieldsInWords(modality, scan.fields).map(([, value]) => value),
    scan.acquired ? identity.acquired(formatDay(scan.acquired)) : knowsPatients && identity.noDay,
    scan.timestamp && identity.uploaded(formatTime(scan.timestamp)),
  ].filter(Boolean);
  return (
    <Text size="sm" data-testid="identity" style={{ overflowWrap: "anywhere" }} {...look}>
      <ModalityTag name={scan.modality} /> {patient && <b>{patient}</b>}
      {patient && " · "}
      {facts.join(" · ")}
    </Text>
  );
}
