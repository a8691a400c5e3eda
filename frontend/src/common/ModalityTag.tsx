import { useModalities } from "../api/options";
import classes from "./ModalityTag.module.css";

/** The modality of a scan by its name, in short; nothing where there is only one. */
export function ModalityTag({ name }: { name: string }) {
  const modalities = useModalities();
  const modality = modalities.find((each) => each.name === name);
  if (!modality || modalities.length < 2) return null;
  return (
    <span className={classes.tag} data-modality={name} data-testid="modality">
      {modality.title}
    </span>
  );
}
