import { useCallback } from "react";

import { usePicture } from "../api/pictures";

interface Props {
  path: string;
  alt: string;
  width?: number;
  height?: number;
}

/** A small picture of a scan. */
export function Thumbnail({ path, alt, width = 96, height = 56 }: Props) {
  const { data } = usePicture(path);
  // The API wants a token, which an address alone does not send.
  const show = useCallback(
    (image: HTMLImageElement) => {
      if (!data) return;
      const url = URL.createObjectURL(data);
      image.src = url;
      return () => URL.revokeObjectURL(url);
    },
    [data],
  );
  const style = {
    width,
    height,
    objectFit: "cover" as const,
    background: "#000",
    borderRadius: 6,
    display: "block",
  };
  if (data) return <img ref={show} alt={alt} style={style} />;
  // A thumbnail without a text is decoration for a screen reader.
  return <div style={style} {...(alt && { role: "img", "aria-label": alt })} />;
}
