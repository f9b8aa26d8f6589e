/** The Java client of Shortlist, a recommendation engine. {@code shortlist.v1} is the contract as generated code. */
package shortlist.client;
