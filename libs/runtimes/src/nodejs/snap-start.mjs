// SnapStart: what a function wants done before its environment waits for calls, and before the first of them.

const before = []
const after = []

/** For functions: members of the global `awslambda`. A hook may return a promise. */
export const snapStartHooks = {
  registerBeforeSnapshot: (hook) => void before.push(hook),
  registerAfterRestore: (hook) => void after.push(hook),
}

/** In the order opposite to that of their registration. */
export async function runBeforeSnapshot() {
  for (const hook of before.toReversed()) await hook()
}

export async function runAfterRestore() {
  for (const hook of after) await hook()
}
