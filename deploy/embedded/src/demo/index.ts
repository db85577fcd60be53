export { DemoFailure } from './failure.ts'
export { runDemo } from './run-demo.ts'
