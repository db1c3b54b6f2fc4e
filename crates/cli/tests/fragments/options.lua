--= false
--= true	nil
--= true
--= false	Invalid	option trap is not supported
local options = process.get_options()
print(options.trap_links)
local ok, err = process.set_options({trap_links = true})
print(ok, err)
print(process.get_options().trap_links)
ok, err = process.set_options({trap = true})
print(ok, err:kind(), err)
