package shop;

/** The answer. */
public record Receipt(String customer, int totalCents, String runtime, String requestId, String function, int call) {}
