// Options and suppressions of the sanitizers, in the test binaries themselves, so that a test run by hand has
// them too. Each suppression says why.

#if defined(__SANITIZE_ADDRESS__)

extern "C" const char* __asan_default_options() {
  // A test asks Python for more memory than there is: that is a MemoryError, not an error of the program.
  return "detect_leaks=1:halt_on_error=1:allocator_may_return_null=1";
}

extern "C" const char* __ubsan_default_options() {
  return "print_stacktrace=1:halt_on_error=1";
}

extern "C" const char* __lsan_default_options() {
  return "print_suppressions=0";
}

extern "C" const char* __lsan_default_suppressions() {
  // CPython keeps some memory beyond its end, by design (interned strings, tables of its allocator), and an
  // interpreter that was abandoned keeps all of its own.
  // CAF's event loop drops what still comes to it while it ends with the process: a connection, or the door.
  return "leak:libpython\n"
         "leak:libcaf_io\n"
         "leak:interp_actors::(anonymous namespace)::make_wire\n"
         "leak:interp_actors::publication::publication\n";
}

#elif defined(__SANITIZE_THREAD__)

extern "C" const char* __tsan_default_options() {
  // An interpreter that is abandoned while it winds down keeps its watchdog thread: no leak of ours.
  return "halt_on_error=1:second_deadlock_stack=1:allocator_may_return_null=1:report_thread_leaks=0";
}

extern "C" const char* __tsan_default_suppressions() {
#ifdef INTERP_ACTORS_CAF_IS_INSTRUMENTED
  return "";
#else
  // CAF is taken as the distribution builds it, without instrumentation: the atomics in its library are
  // invisible, so what its queues and reference counts hand over is reported although it is in order.
  // CONTRIBUTING.md says how to run these tests with an instrumented CAF, which needs none of this.
  return "called_from_lib:libcaf_core\n"
         "race:libcaf_core\n"
         "race:interp_actors::python_error_of\n"
         "race:interp_actors::describe\n"
         "race_top:include/caf/\n";
#endif
}

#endif
