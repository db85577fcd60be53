export * from './documents.ts'
export * from './driver.ts'
export * from './environment.ts'
export type {
  EnvironmentDecision,
  EnvironmentEvent,
  EnvironmentState,
  Run,
  RunOutcome,
  Step,
} from './environment-model.ts'
export * from './extensions-api.ts'
export * from './frames.ts'
export * from './invocation-log.ts'
export * from './output-lines.ts'
export * from './platform-events.ts'
export * from './platform-lines.ts'
export * from './report.ts'
export * from './runtime-api.ts'
export * from './runtime-messages.ts'
export * from './seccomp.ts'
export * from './shutdown.ts'
export * from './stream-pace.ts'
export * from './telemetry-buffer.ts'
export * from './telemetry-subscription.ts'
export * from './variables.ts'
