import { useObjectUrl } from "./useObjectUrl";

interface Props {
  path: string;
  alt: string;
  width?: number;
  height?: number;
}

/** A small picture of a scan. */
export function Thumbnail({ path, alt, width = 96, height = 56 }: Props) {
  const { url } = useObjectUrl(path);
  const style = {
    width,
    height,
    objectFit: "cover" as const,
    background: "#000",
    borderRadius: 6,
    display: "block",
  };
  if (url) return <img src={url} alt={alt} style={style} />;
  // One that says nothing is nothing to who does not see it.
  return <div style={style} {...(alt && { role: "img", "aria-label": alt })} />;
}
