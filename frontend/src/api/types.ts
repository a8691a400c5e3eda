/**
 * What the API sends and takes, by the names that this page uses; see /api/docs/. The types themselves are made from
 * the API's own description (see docs/development.md). All coordinates are pixels of the uploaded scan.
 */

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Status = Schemas["StatusEnum"];
export type Eye = Schemas["EyeEnum"] | "";
export type Verdict = Schemas["VerdictEnum"];
export type Ability = Schemas["AbilitiesEnum"];
export type Me = Schemas["Me"];
export type Region = Schemas["Region"];
/** What the model thinks it sees. */
export type Findings = Schemas["Findings"];
export type FoundRegion = Schemas["Finding"];
export type Recommendation = Schemas["Recommendation"];
/** How far the model has answered. */
export type State = Schemas["StateEnum"];
export type States = Schemas["States"];
export type Scan = Schemas["Scan"];
/** Several B-scans of one eye, taken together. */
export type Volume = Schemas["Volume"];
export type VolumeAnswer = Schemas["VolumeAnswer"];
/** A B-scan in its volume, in short. */
export type BScan = Schemas["Bscan"];
export type FinalReading = Schemas["FinalReading"];
export type UploadedScan = Schemas["Uploaded"];
export type Difference = Schemas["Difference"];
export type Options = Schemas["Options"];
/** What the page knows of a modality: its words, labels and units, and the fields that a scan of it has. */
export type Modality = Options["modalities"][number];
export type Count = Schemas["Count"];
export type Selector = Schemas["Selector"];
export type Annotation = Schemas["Annotation"];
/** Scans and volumes of an eye over time. */
export type FollowUp = Schemas["FollowUp"];
/** How much was drawn on a scan, or on the B-scans of its volume. */
export type DrawnOnScan = Schemas["DrawnOnScan"];
/** What may be left out of a request is always there in an answer. */
export type Review = Required<Omit<Schemas["Review"], "prediction_seen">>;
export type PredictionSeen = Schemas["PredictionSeen"];
export type Reading = Omit<Schemas["Reading"], "own" | "reviews"> & { own: Review | null; reviews: Review[] };
export type Adjudication = Schemas["Adjudication"];
/** What requests take. */
export type ScanChange = Schemas["PatchedDetailsRequest"];
export type AnnotationChange = Schemas["AnnotationRequest"];
export type AdjudicationChange = Schemas["AdjudicationRequest"];
export type ReviewChange = Pick<Schemas["ReviewRequest"], "comment"> &
  Partial<Pick<Schemas["ReviewRequest"], "verdict" | "label" | "prediction_seen" | "of_volume">>;
/** What of a scan goes to a PACS or a health record. */
export type Sending = Schemas["Sending"];
/** What the gate of a version said. */
export type GateVerdict = Schemas["GateVerdict"];
export type Dashboard = Schemas["Dashboard"];
export type ExportFormat = Schemas["FormatEnum"];

export interface Page<Item> {
  next: string | null;
  previous: string | null;
  results: Item[];
}
