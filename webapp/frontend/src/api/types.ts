/** What the API sends and takes; see /api/docs/. All coordinates are pixels of the uploaded scan. */

export type Status = "queued" | "predicted" | "failed";
export type Eye = "OD" | "OS" | "";
export type Verdict = "agree" | "disagree" | "unsure";
export type Role = "clinician" | "researcher" | "administrator";

export interface Me {
  id: string;
  username: string;
  first_name: string;
  last_name: string;
  role: Role;
  clinic: string;
  /** Settles scans on which readers differ. */
  may_adjudicate: boolean;
}

export interface Region {
  /** [x, y, width, height] */
  box: number[];
  polygon: number[][];
  /** 0 to 1; strongest region first. */
  score: number;
}

export interface Source {
  title: string;
  url: string | null;
}

export interface Recommendation {
  urgency: string;
  action: string;
  reasons: string[];
  sources: Source[];
  version: string;
}

export interface Scan {
  id: string;
  status: Status;
  failure: { code: string; message: string } | null;
  image_path: string;
  thumbnail_path: string;
  /** The scan with its heat map in colour. */
  annotation_path: string | null;
  /** The heat map alone, grey: 255 is strongest. */
  heatmap_path: string | null;
  sha256: string;
  width: number;
  height: number;
  /** Width and height of a pixel in micrometres, null while unknown. */
  micrometres_x: number | null;
  micrometres_y: number | null;
  eye: Eye;
  patient_ref: string;
  note: string;
  timestamp: string;
  user_id: string;
  prediction: string | null;
  confidence: number | null;
  probabilities: Record<string, number>;
  /** Which label's evidence the heat map and the regions show. */
  heatmap_label: string | null;
  regions: Region[];
  caveats: string[];
  quality: { acceptable: boolean; reasons: string[] } | null;
  model: { name: string; version: string } | null;
  recommendation: Recommendation | null;
  /** 0 without a prediction; higher is more urgent; see Options.urgencies. */
  urgency_rank: number;
  predicted_at: string | null;
  reviewed: boolean;
  /** How many people gave a verdict, and whether the signed-in one did. */
  reader_count: number;
  read_by_me: boolean;
  /** Share of the readers' pairs that name different labels, 0 to 1. */
  dispute: number;
  /** What an adjudicator settled the scan as. */
  settled_label: string | null;
  /** Whether the signed-in user may change or delete it. */
  may_change: boolean;
}

export interface UploadedScan extends Scan {
  /** True when this user has uploaded the same file before. */
  duplicate?: boolean;
}

export interface Page<Item> {
  next: string | null;
  previous: string | null;
  results: Item[];
}

/** GET options/ */
export interface Options {
  /** Labels that the newest predictions know. */
  labels: string[];
  /** Texts of the urgencies, least urgent first; a scan's urgency_rank r (from 1) is urgencies[r - 1]. */
  urgencies: string[];
}

/** GET scans/count/ with the filters of the list. */
export interface Count {
  count: number;
}

export interface Selector {
  type: "FragmentSelector" | "SvgSelector";
  /** `xywh=pixel:X,Y,WIDTH,HEIGHT`, or an svg element with exactly one shape. */
  value: string;
  conformsTo?: string;
}

/** A W3C Web Annotation. */
export interface Annotation {
  id: string;
  scan: string;
  target: { source?: string; selector: Selector };
  label: string;
  comment: string;
  creator: string;
  creator_name: string;
  mine: boolean;
  created: string;
  modified: string;
  revision: number;
}

export interface Review {
  id: string;
  scan: string;
  verdict: Verdict;
  label: string;
  comment: string;
  /** Given before the reader saw the model's answer. */
  blind: boolean;
  user_id: string;
  reader: string;
  mine: boolean;
  current: boolean;
  timestamp: string;
  model_label: string;
  model_name: string;
  model_version: string;
}

/** GET scans/{id}/reading/: who read the scan, and how far they agree. */
export interface Reading {
  /** False while other readers' verdicts and shapes are hidden, until the own verdict is given. */
  open: boolean;
  own: Review | null;
  /** Current verdicts that may be seen, newest first. */
  reviews: Review[];
  reader_count: number;
  /** Share of the readers' pairs that name the same label; null with fewer than two readers. */
  agreement: number | null;
  /** Dice coefficient of what each two readers drew, 0 to 1. */
  dice: { readers: [string, string]; dice: number }[];
  /** How much of what a reader drew the heat map's regions cover, and the Dice coefficient of the two. */
  heatmap: { reader: string; covered: number; dice: number }[];
  adjudication: Adjudication | null;
  may_adjudicate: boolean;
}

export interface Adjudication {
  id: string;
  label: string;
  comment: string;
  user_id: string;
  adjudicator: string;
  timestamp: string;
}

/** GET dashboard/?days=30 */
export interface Dashboard {
  days: number;
  scans_per_day: { date: string; count: number }[];
  labels: { label: string; count: number }[];
  queue: { queued: number; predicted: number; failed: number; oldest_queued: string | null };
  /** Verdicts by what the model had said. */
  verdicts: {
    model_version: string;
    label: string;
    agree: number;
    disagree: number;
    unsure: number;
  }[];
  /** Cohen's kappa of each two readers (or a reader and the model) over the scans that both read. */
  cohen: { readers: [string, string]; scans: number; kappa: number | null }[];
  /** Fleiss' kappa over the scans with the same number of readers. */
  fleiss: { readers_per_scan: number; scans: number; kappa: number | null }[];
  /** From upload to prediction, milliseconds; null without any. */
  latency_ms: { median: number; percentile_95: number; scans: number } | null;
}

export type ExportFormat = "csv" | "coco" | "w3c" | "folders";

export type Ordering = "newest" | "urgent" | "uncertain" | "disputed";
