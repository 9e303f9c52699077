/* The server: whether it can answer, which models it has, who we are to it. It knows no conversations. */
import { batch, computed, effect, signal, untracked } from "@preact/signals";

import { ApiFailure } from "../api/failure";
import * as models from "../api/models";
import type { Model, ModelReadiness, Readiness, ServerStatus } from "../api/types";
import { words } from "../words";
import { sayFailure } from "./notices";
import { device, preferredModel } from "./preferences";
import { noticeKeyFailure, whenKeyChanges } from "./session";

const POLL_MS = 1000;
const CALM_POLL_MS = 30_000;
/** For a server that takes connections and then says nothing. */
const PATIENCE_MS = 10_000;

export const readiness = signal<Readiness | null>(null);
export const isOffline = signal(false);
export const modelList = signal<readonly Model[]>([]);
/** Whether that list has been heard at all. */
export const areModelsKnown = signal(false);
export const status = signal<ServerStatus | null>(null);
/** Whether the server is another version than the one that this page came from. */
export const isOutdated = signal(false);

/** Models that chat: one that only embeds is of no use here. */
export const chatModels = computed(() => modelList.value.filter((model) => model.capabilities?.generates !== false));

/** The model that a new chat begins with. */
export const defaultModel = computed<Model | null>(
  () =>
    chatModels.value.find((model) => model.id === preferredModel.value) ??
    chatModels.value.find((model) => stateOf(model) === "ready") ??
    chatModels.value[0] ??
    null,
);

export const findModel = (id: string | null | undefined): Model | null =>
  modelList.value.find((model) => model.id === id || model.aliases?.includes(id ?? "")) ?? null;

/** A model's state as it was last heard: /readyz is asked more often than the list. */
export function stateOf(model: Model): string {
  return readiness.value?.models[model.id]?.state ?? model.state ?? "ready";
}

/** A state as people read it; one that this page does not know as the server says it. */
export const nameOfState = (state: string): string => words.models.states[state] ?? state;

export const progressOf = (model: Model): number | null =>
  readiness.value?.models[model.id]?.progress ?? model.progress ?? null;

/** Whether a model will answer without anybody doing something. */
export const isOnItsWay = (model: Model): boolean => ["loading", "downloading", "restarting"].includes(stateOf(model));

/** Whether the server will try once more to load a model that failed. */
export const isTriedAgain = (model: Model): boolean => readiness.value?.models[model.id]?.retry_at != null;

export const messageOfModel = (model: Model): string =>
  readiness.value?.models[model.id]?.message ?? model.message ?? "";

let stopped = new AbortController();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Looks after the server until the returned function is called. */
export function watchServer(): () => void {
  stopped = new AbortController();
  const { signal: ends } = stopped;
  const lookNow = (): void => void lookAgain();
  addEventListener("online", lookNow, { signal: ends });
  addEventListener("offline", lookNow, { signal: ends });
  document.addEventListener("visibilitychange", lookNow, { signal: ends });
  const forget = whenKeyChanges(() => void refreshModels());
  lookNow();
  return () => {
    forget();
    stopped.abort();
    clearTimeout(timer);
  };
}

export async function lookAgain(): Promise<void> {
  clearTimeout(timer);
  if (stopped.signal.aborted) return;
  await lookAt();
  clearTimeout(timer);
  timer = setTimeout(() => void lookAgain(), isCalm() ? CALM_POLL_MS : POLL_MS);
}

const isCalm = (): boolean =>
  !isOffline.value && readiness.value?.status === "ready" && !Object.values(readiness.value.models).some(isMoving);

const isMoving = ({ state, retry_at }: ModelReadiness): boolean =>
  state === "failed" ? retry_at !== null : !["ready", "unloaded"].includes(state);

async function lookAt(): Promise<void> {
  try {
    const found = await models.readiness(AbortSignal.any([stopped.signal, AbortSignal.timeout(PATIENCE_MS)]));
    const hasChanged = statesOf(found) !== statesOf(readiness.value) || !modelList.value.length || isOffline.value;
    batch(() => {
      isOffline.value = false;
      readiness.value = found;
    });
    if (hasChanged) await refreshModels();
    else if (isCalm()) await refreshStatus();
  } catch (error) {
    if (error instanceof ApiFailure) isOffline.value = true;
  }
}

const statesOf = (seen: Readiness | null): string =>
  JSON.stringify(Object.entries(seen?.models ?? {}).map(([id, { state }]) => [id, state]));

/** Asks for the models and for what is said of the server. */
export async function refreshModels(): Promise<void> {
  try {
    modelList.value = (await models.listModels()).data;
    areModelsKnown.value = true;
  } catch (error) {
    noticeKeyFailure(error);
  }
  await refreshStatus();
}

/** Whether the server says anything of itself. */
let hasStatus = true;

async function refreshStatus(): Promise<void> {
  if (!hasStatus) return;
  try {
    const said = await models.serverStatus();
    isOutdated.value ||= status.value !== null && status.value.version !== said.version;
    status.value = said;
  } catch (error) {
    if (error instanceof ApiFailure && error.kind === "gone") hasStatus = false;
    noticeKeyFailure(error);
  }
}

/** Looks at the server if a failure may come from it, and not from what was asked. */
export function noticeOutage(error: unknown): void {
  if (error instanceof ApiFailure && ["network", "later", "fault"].includes(error.kind)) void lookAgain();
}

/** Calls when the server can be reached again, until the returned function is called. */
export function whenServerIsBack(callback: () => void): () => void {
  let wasOffline = isOffline.peek();
  return effect(() => {
    if (wasOffline && !isOffline.value) untracked(callback);
    wasOffline = isOffline.value;
  });
}

export const load = (id: string): Promise<void> => change(() => models.loadModel(id, device.value));
export const unload = (id: string): Promise<void> => change(() => models.unloadModel(id));

async function change(action: () => Promise<Model>): Promise<void> {
  try {
    const changed = await action();
    modelList.value = modelList.value.map((model) => (model.id === changed.id ? changed : model));
  } catch (error) {
    sayFailure(error);
  }
  await lookAgain();
}
