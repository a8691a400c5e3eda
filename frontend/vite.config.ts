import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Where `npx vite` finds the API; the built page is served by the web app itself.
const API = process.env.RETINOTE_API ?? "http://127.0.0.1:8000";

export default defineConfig(({ command }) => ({
  base: command === "build" ? "/static/page/" : "/",
  plugins: [react()],
  build: { outDir: "dist", emptyOutDir: true, manifest: true, assetsInlineLimit: 0, target: "es2022" },
  server: { proxy: { "/api": API, "/admin": API, "/static/admin": API } },
  // A browser (jsdom) takes a second to make: a test file that needs one asks for it in its first line.
  // Files share a process, and leave nothing behind.
  test: { environment: "node", isolate: false, unstubGlobals: true },
}));
