import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "@mantine/dropzone/styles.css";
import "./page.css";

import { setNonce } from "get-nonce";
import { createRoot } from "react-dom/client";

import { App } from "./app";
import { language } from "./texts";

document.documentElement.lang = language;
const nonce = document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? "";
setNonce(nonce);
const root = document.getElementById("root");
if (root) createRoot(root).render(<App nonce={nonce} />);
