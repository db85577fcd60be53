export { type ChaosOptions, runChaos } from './run-chaos.ts'
