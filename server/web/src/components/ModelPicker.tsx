/* Which model answers: the list of them with their states, and what loads and unloads them. */
import { Check, ChevronDown } from "lucide";

import type { Model } from "../api/types";
import type { Chat } from "../state/chat";
import { device } from "../state/preferences";
import { chatModels, isOnItsWay, load, messageOfModel, nameOfState, progressOf, stateOf, unload } from "../state/server";
import { modelOf, pickModel } from "../state/settings";
import { words } from "../words";
import { Icon } from "./Icon";
import { Menu } from "./Menu";
import { ModelProgress } from "./ModelProgress";

export function ModelPicker({ chat }: { chat: Chat }) {
  const model = modelOf(chat);
  return (
    <Menu
      class="button model-button"
      label={words.models.choose(model?.id ?? words.models.none)}
      button={
        <>
          <StateDot state={model ? stateOf(model) : "failed"} />
          <span class="ellipsis">{model?.id ?? words.models.none}</span>
          <Icon of={ChevronDown} size={16} />
        </>
      }
    >
      {(close) => (
        <>
          {chatModels.value.map((one) => (
            <Entry key={one.id} model={one} isPicked={one.id === model?.id} pick={() => (close(), void pickModel(chat, one))} />
          ))}
          <DevicePicker />
        </>
      )}
    </Menu>
  );
}

function Entry({ model, isPicked, pick }: { model: Model; isPicked: boolean; pick: () => void }) {
  const state = stateOf(model);
  const progress = progressOf(model);
  return (
    <div class="model-entry">
      <button type="button" class="menu-item" aria-pressed={isPicked} onClick={pick}>
        <StateDot state={state} />
        <span class="grow">
          <span class="model-name">{model.id}</span>
          <span class="small muted">{about(model, state, progress)}</span>
        </span>
        {isPicked && <Icon of={Check} size={16} />}
      </button>
      {isOnItsWay(model) ? <ModelProgress model={model} /> : <LoadButton model={model} state={state} />}
    </div>
  );
}

function LoadButton({ model, state }: { model: Model; state: string }) {
  const isLoaded = state === "ready";
  if (!isLoaded && state !== "unloaded" && state !== "failed") return null;
  return (
    <button
      type="button"
      class="button button-small"
      aria-label={`${isLoaded ? words.models.unload : words.models.load} ${model.id}`}
      onClick={() => void (isLoaded ? unload : load)(model.id)}
    >
      {isLoaded ? words.models.unload : words.models.load}
    </button>
  );
}

function DevicePicker() {
  return (
    <label class="menu-row">
      {words.models.device}
      <select value={device.value} onChange={(event) => (device.value = event.currentTarget.value)}>
        {Object.entries(words.models.devices).map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

const StateDot = ({ state }: { state: string }) => <span class={`dot dot-${state}`} aria-hidden="true" />;

function about(model: Model, state: string, progress: number | null): string {
  const name = nameOfState(state);
  if (state === "failed") return `${name}: ${messageOfModel(model)}`;
  if (progress !== null && state !== "ready") return `${name} ${Math.round(progress * 100)} %`;
  return [name, model.meta && words.models.context(model.meta.n_ctx), model.device].filter(Boolean).join(" · ");
}

