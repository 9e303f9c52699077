/* How the page is bundled, and how its tests run. */
import { defineConfig } from "vite";

const API = process.env["PARLEY_URL"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2023",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    license: { fileName: "licenses.txt" },
  },
  server: { proxy: { "/v1": API, "/readyz": API, "/docs": API } },
  test: { environment: "happy-dom", include: ["tests/**/*.test.{ts,tsx}"], setupFiles: ["tests/still_clock.ts"] },
} as Parameters<typeof defineConfig>[0]);
