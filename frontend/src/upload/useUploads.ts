import { createContext, useContext } from "react";

import type { Scan } from "../api/types";
import type { Details, Upload } from "./uploads";

export interface Uploads {
  uploads: Upload[];
  /** Opens the panel in which files are picked. */
  open: () => void;
  /** Several files wait until their details are checked; one is sent at once if its details are in sight or empty. */
  add: (files: File[], details: Details, isPanelOpen: boolean) => void;
  describe: (keys: number[], values: Partial<Details>) => void;
  /** Sends the files that waited for a check. */
  begin: () => void;
  /** Opens the details of a refused upload to be changed. */
  correct: (key: number) => void;
  remove: (key: number) => void;
  retry: (key: number) => void;
  /** Records that the user has decided between two values; `scan` has the one that counts. */
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
