import { common } from "./en/common";
import { compare } from "./en/compare";
import { dashboard } from "./en/dashboard";
import { details } from "./en/details";
import { drawing } from "./en/drawing";
import { findings } from "./en/findings";
import { followUp } from "./en/followUp";
import { problems } from "./en/problems";
import { reading } from "./en/reading";
import { shell } from "./en/shell";
import { upload } from "./en/upload";
import { volume } from "./en/volume";
import { worklist } from "./en/worklist";

export const en = {
  common,
  compare,
  dashboard,
  details,
  drawing,
  findings,
  followUp,
  problems,
  reading,
  shell,
  upload,
  volume,
  worklist,
};
