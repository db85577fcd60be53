export * from './host-side.ts'
export * from './java-classes.ts'
