// Whether native add-ons may be loaded at all.

/** False where the environment says VARVE_NATIVE=off. */
export function isNativeAllowed(): boolean {
  return process.env['VARVE_NATIVE'] !== 'off'
}
