package shortlist.client;

/**
 * One thing wrong with one field.
 *
 * @param field path in the request, such as {@code events[17].item_id}
 * @param reason stable, for programs, such as {@code FIELD_MISSING}
 * @param description one sentence for a person
 */
public record FieldViolation(String field, String reason, String description) {}
