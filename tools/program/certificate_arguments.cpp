#include "certificate_arguments.hpp"

namespace ia_program {

void add_certificate_arguments(CLI::App& command, ia::certificate_files& files, const char* group) {
  auto add = [&](const char* name, std::string& file, const char* what) {
    auto* option = command.add_option(name, file, what)->type_name("FILE");
    if (group)
      option->group(group);
  };
  add("--certificate", files.certificate, "Certificate of this process");
  add("--key", files.key, "Its private key");
  add("--ca", files.ca, "Certificate of the authority that all nodes and controllers trust");
}

} // namespace ia_program
