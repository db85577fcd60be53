export { type DispatcherConfig, DispatcherCore, type DispatcherOutput } from './core.ts'
export { createDispatcher, type Dispatcher, type DispatcherOptions } from './dispatcher.ts'
export type { PendingCall } from './lanes.ts'
export { specOf, whyNotRunnable } from './spec.ts'
