#pragma once

#include <interp_actors/all.hpp>

#include <vector>

#include "session.hpp"

namespace ia_bench {

/// Request and answer on one core, beside CAF and CPython, and its dependence on the payload's size.
/// Precondition: the calling thread is bound to one core.
void add_round_trip(session& s, ia::runtime& rt);

/// From a spawn to the first answer, beside CPython's own way to make an interpreter.
/// Precondition: as above.
void add_creation(session& s, ia::runtime& rt);

/// From the death of a supervised child to its successor's first answer, with a spare and without.
/// Precondition: as above.
void add_restarts(session& s, ia::runtime& rt);

/// A request through a fleet beside one to a single interpreter, supervised and not.
/// Precondition: as above.
void add_fleets(session& s, ia::runtime& rt);

/// What an interpreter that does nothing keeps of memory, beside one that a program makes by hand.
void add_memory(session& s);

/// Does what another process of this program asks for on stdin, as `peer_process` says.
void answer_as_peer(ia::runtime& rt);

/// Messages that nobody answers, into a Python loop over a channel, beside CAF and CPython.
/// Precondition: as above.
void add_one_way(session& s, ia::runtime& rt);

/// Calls to an interpreter in another process, beside CAF's own and TCP.
/// Precondition: as above; the runtime has a network.
void add_network(session& s, ia::runtime& rt);

/// Is that process: a node, and what CAF and TCP are asked for. Ends with its stdin.
int answer_as_node(ia::runtime& rt);

/// A sweep of 100 trials that do nothing, beyond one of 2.
/// Precondition: as above.
void add_sweep(session& s);

/// Pure Python in two interpreters at once; `cores` are those that the process may use.
void add_two_cores(session& s, ia::runtime& rt, const std::vector<int>& cores);

} // namespace ia_bench
