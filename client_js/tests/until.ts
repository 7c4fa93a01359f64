/** Returns once `condition` holds; it has no way to call us, so it is asked again and again. */
export async function until(
  condition: () => unknown | Promise<unknown>,
  timeoutMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
