/* How far a model is that is on its way. */
import type { Model } from "../api/types";
import { nameOfState, progressOf, stateOf } from "../state/server";

export function ModelProgress({ model }: { model: Model }) {
  const progress = progressOf(model);
  return <progress aria-label={nameOfState(stateOf(model))} {...(progress === null ? {} : { value: progress })} />;
}
