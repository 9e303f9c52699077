/* `/v1/models` and the state of the server. It keeps nothing. */
import { look, request } from "./client";
import { networkFailure } from "./failure";
import type { List, Model, Readiness, ServerStatus } from "./types";

const place = (id: string): string => `/v1/models/${id.split("/").map(encodeURIComponent).join("/")}`;

export const listModels = (): Promise<List<Model>> => request("GET", "/v1/models");

export const loadModel = (id: string, device: string): Promise<Model> =>
  request("POST", `${place(id)}/load`, { body: { device } });

export const unloadModel = (id: string): Promise<Model> => request("POST", `${place(id)}/unload`, { body: {} });

/** Whether the server can answer; a 503 says it, too. Whatever else a proxy says in its place means that it is away. */
export async function readiness(signal: AbortSignal): Promise<Readiness> {
  const found = await look<Partial<Readiness>>("/readyz", signal);
  if (!found.status || !found.models) throw networkFailure(undefined);
  return { status: found.status, models: found.models };
}

export const serverStatus = (): Promise<ServerStatus> => request("GET", "/v1/status");
