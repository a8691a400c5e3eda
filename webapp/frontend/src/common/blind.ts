import { useLocalStorage } from "@mantine/hooks";

/** Whether the reader wants to give a verdict before seeing the model's answer; kept in this browser. */
export function useBlindReading(): [boolean, (blind: boolean) => void] {
  const [value, setValue] = useLocalStorage({
    key: "retinote-blind",
    defaultValue: false,
    getInitialValueInEffect: false,
  });
  return [value, setValue];
}
