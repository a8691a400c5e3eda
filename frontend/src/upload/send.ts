import { Problem, problem } from "../api/problem";
import { accessToken, renewedToken } from "../api/session";
import type { UploadedScan } from "../api/types";
import { PIXEL_SIZES, PIXEL_UM, withPoint } from "../common/number";
import { texts } from "../texts";
import type { Details } from "./uploads";

/**
 * Uploads one file and resolves with its scan once the model has read it, or it was queued.
 * `onProgress` gets the share that has been sent, 0 to 1. Raises a Problem. (fetch tells no upload progress.)
 */
export async function send(
  file: File,
  details: Details,
  onProgress: (share: number) => void,
): Promise<UploadedScan> {
  const token = await accessToken();
  try {
    return await attempt(file, details, token, onProgress);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error;
    return attempt(file, details, await renewedToken(token), onProgress);
  }
}

const sizes: readonly string[] = PIXEL_SIZES;

function attempt(
  file: File,
  details: Details,
  token: string | null,
  onProgress: (share: number) => void,
): Promise<UploadedScan> {
  if (!token) return Promise.reject(new Problem(texts.problems.signedOut, "signed_out", 401));
  const form = new FormData();
  form.append("image", file, file.name || "scan.png");
  for (const [name, value] of Object.entries(details) as [string, string][]) {
    const written = sizes.includes(name) ? withPoint(value, PIXEL_UM) : value;
    if (written.trim()) form.append(name, written.trim());
  }
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/v1/scans/");
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = (event) => onProgress(event.total ? event.loaded / event.total : 0);
    request.upload.onload = () => onProgress(1);
    request.onload = () => {
      const answer = new Response(request.responseText || null, { status: request.status });
      if (answer.ok) resolve(JSON.parse(request.responseText) as UploadedScan);
      else void problem(answer).then(reject);
    };
    request.onerror = () => void problem(null).then(reject);
    request.send(form);
  });
}
