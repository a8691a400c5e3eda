import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Where `npm run dev` finds the API; the built page is served by the web app itself.
const API = process.env.RETINOTE_API ?? "http://127.0.0.1:8000";

export default defineConfig(({ command }) => ({
  base: command === "build" ? "/static/page/" : "/",
  plugins: [react()],
  build: { outDir: "dist", emptyOutDir: true, manifest: true, assetsInlineLimit: 0, target: "es2022" },
  server: { proxy: { "/api": API, "/admin": API, "/static/admin": API } },
  test: { environment: "jsdom" },
}));
