import { createContext, useContext } from "react";

import type { Scan } from "../api/types";
import type { Details, Upload } from "./uploads";

export interface Uploads {
  uploads: Upload[];
  /** Opens the panel to pick files in. */
  open: () => void;
  /** Several files wait for a look at whose they are; one goes at once if its details are in sight, or there are none. */
  add: (files: File[], details: Details, inSight: boolean) => void;
  describe: (keys: number[], values: Partial<Details>) => void;
  /** Sends what was waiting for a look. */
  begin: () => void;
  /** Lets what was refused for its details be changed. */
  correct: (key: number) => void;
  remove: (key: number) => void;
  retry: (key: number) => void;
  /** Notes which of two values counts; `scan` is as it is then. */
  decide: (key: number, scan: Scan) => void;
  clear: () => void;
}

/** Given by the UploadProvider. */
export const UploadsContext = createContext<Uploads | null>(null);

/** The uploads of this page, which go on while people look at other things. */
export function useUploads(): Uploads {
  const uploads = useContext(UploadsContext);
  if (!uploads) throw new Error("useUploads is for parts of the UploadProvider");
  return uploads;
}
