/* SPDX-License-Identifier: Apache-2.0
 *
 * The inventory reader against tables: what a file means, and where exactly
 * each mistake is.
 */
#include "transport/error.h"
#include "transport/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const struct inventory_var vars[] = {
	{ "node_ip", INVENTORY_IPV4, "" },
	{ "microk8s_channel", INVENTORY_CHANNEL, "" },
	{ "microk8s_settle", INVENTORY_DURATION, "" },
	{ "microk8s_own", INVENTORY_OWN, "" },
};
static const struct inventory_group_alias aliases[] = {
	{ "master", "masters" },
};

/* The rules' own judgement: an X is wrong. */
static bool check_own(const char *name, const char *text, size_t *at,
		      GError **error)
{
	*at = strcspn(text, "X");
	if (!text[*at])
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA, "X in %s", name);
	return false;
}

static const struct inventory_rules rules = {
	"microk8s_", vars, G_N_ELEMENTS(vars), aliases, G_N_ELEMENTS(aliases),
	check_own
};

static void free_problem(void *problem)
{
	problem_free(problem);
}

static struct inventory *parse(const char *text, GPtrArray **problems)
{
	g_autoptr(GError) error = NULL;
	struct inventory *inventory;

	*problems = g_ptr_array_new_with_free_func(free_problem);
	inventory = inventory_parse(text, strlen(text), "i", &rules, *problems,
				    &error);
	assert_true((inventory == NULL) == (error != NULL));
	if (error)
		assert_int_equal(error->code, MUSTER_ERROR_DATA);
	return inventory;
}

/* `where` begins the formatted problem; `what` stands in it. */
static const struct { const char *text, *where, *what; } mistakes[] = {
	{ "h1:abc\n", "i:1:3: 'h1:abc'", "a port is a number" },
	{ "h1,h2\n", "i:1:3:", "one host a line" },
	{ "h:1:2\n", "i:1:2:", "port" },
	{ "10.0.0.1/24\n", "i:1:9:", "range" },
	{ "@x\n", "i:1:1:", "USER@HOST" },
	{ "-h\n", "i:1:1:", "letter" },
	{ "10.0.0.256\n", "i:1:1:", "IPv4" },
	{ "h1:\n", "i:1:3:", "port" },
	{ "h1:70000\n", "i:1:4:", "ansible_port" },
	{ "h[10:1]\n", "i:1:2:", "empty" },
	{ "h[1-5]\n", "i:1:2:", "[1:5]" },
	{ "h[1-3,7]\n", "i:1:2:", "one line for each" },
	{ "h[01:100]\n", "i:1:2:", "same number of digits" },
	{ "h[1:9:0]\n", "i:1:2:", "step" },
	{ "h[0:999999999]\n", "i:1:2:", "more than 10000 hosts" },
	{ "h[0:99999][0:99999]\n", "i:1:2:", "more than 10000 hosts" },
	{ "h[1:2\n", "i:1:2:", "no partner" },
	{ "  h a = b\n", "i:1:5:", "NAME=VALUE" },
	{ "h a='b\n", "i:1:5:", "never closed" },
	{ "h a=b\\\n", "i:1:6:", "backslash" },
	{ "h node_ip=10.8.0.300\n", "i:1:11:", "'10.8.0.300'" },
	{ "h node_ip='10.8.0'\n", "i:1:12:", "IPv4" },
	{ "\xc3\xa9 node_ip=x\n", "i:1:11:", "IPv4" },
	{ "h microk8s_chanel=latest\n", "i:1:3:", "did you mean "
	  "microk8s_channel?" },
	{ "h microk8s_channel=1.32\n", "i:1:20:", "1.32/stable" },
	{ "h microk8s_settle=soon\n", "i:1:19:", "2m" },
	{ "h microk8s_own=aXb\n", "i:1:17: microk8s_own: X in microk8s_own",
	  "" },
	{ "h microk8s_own='a X'\n", "i:1:19:", "X in" },
	{ "h microk8s_own=\"a X\"\n", "i:1:19:", "X in" },
	{ "h microk8s_own='\"a X\"'\n", "i:1:20:", "X in" },
	{ "h\n[all:vars]\nmicrok8s_own =  a X\n", "i:3:19:", "X in" },
	{ "h\n[all:vars]\nmicrok8s_own = 'a X'\n", "i:3:19:", "X in" },
	{ "h ansible_become=maybe\n", "i:1:18:", "truth value" },
	{ "h ansible_connection=local\n", "i:1:22:", "SSH only" },
	{ "h a={{ b }}\n", "i:1:5:", "templates" },
	{ "h\n[g]\nh\n[g:vars]\na = b # c\n", "i:5:7:", "quote the value" },
	{ "[g]\nh\n[g:vars]\na 'b'\n", "i:4:1:", "variables only" },
	{ "[g]\nh\n[g:vars]\na='b\n", "i:4:3:", "quotes do not match" },
	{ "[g ]\nh\n", "i:1:3:", "blank" },
	{ "[g] ; c\nh\n", "i:1:5:", "begins with #" },
	{ "[g\nh\n", "i:1:1:", "close it" },
	{ "h\n[g:foo]\n", "i:2:4:", "kind of section" },
	{ "[workers]\nh\n[workrs:vars]\na=b\n", "i:3:2:", "did you mean "
	  "workers?" },
	{ "h\n[p:children]\n\n  q # c\n", "i:4:3:", "not defined" },
	{ "h\n[p:children]\np\n", "i:2:2:", "itself" },
	{ "h\n[p:children]\nq\n[q:children]\np\n", "i:4:2:", "itself" },
	{ "h\n[p:children]\nall\n", "i:3:1:", "below 'all'" },
	{ "h\n[p:children]\na=b\n", "i:3:1:", "group" },
	{ "a ansible_host=1.2.3.4\nb ansible_host=1.2.3.4\n", "i:2:1:",
	  "address and port of 'a'" },
	{ "\n--- \nall:\n", "i:2:1: this is YAML", "ansible-inventory" },
	{ "{}\n", "i:1:1: this is JSON", "ansible-inventory" },
	{ "h\n\xff\n", "i:2:1: not UTF-8", "" },
	{ "# nothing\n", "i: no host", "" },
	{ "a\rb\n", "i:1:2: a control character (U+000D)", "remove it" },
	{ "# a\rb\nc\n", "i:1:4: a control character", "" },
	{ "a\n[all:vars]\nb=c\xc2\xa0\n", "i:3:4: a blank that is not", "" },
	{ "\xc2\xa0" "a\n", "i:1:1: a blank that is not a space (U+00A0)", "" },
	{ "a\xe2\x80\x8b\n", "i:1:2: ", "not a host name" },
	{ "[a:b].[c:d]\n", "i:1:6: text after", "" },
	{ "h\n[p:children]\nq#c\n[q]\n", "i:3:1: group 'q#c'", "" },
};

static void test_inventory_mistake_has_place_and_hint(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
		g_autoptr(GPtrArray) problems = NULL;
		bool found = false;

		assert_null(parse(mistakes[i].text, &problems));
		for (guint j = 0; j < problems->len; j++) {
			g_autofree char *line = problem_format(
					g_ptr_array_index(problems, j));

			found = found ||
				(g_str_has_prefix(line, mistakes[i].where) &&
				 strstr(line, mistakes[i].what));
			if (!found && j + 1 == problems->len)
				print_error("%s -> %s\n", mistakes[i].text,
					    line);
		}
		assert_true(found);
	}
}

/* Variable `name` of host `host` (NULL: there is no such host). */
static const struct { const char *text, *host, *name, *value; } means[] = {
	{ "h a=b=c", "h", "a", "b=c" },
	{ "h a=\"b c\" 'd=e f'", "h", "d", "e f" },
	{ "h a=b\\ c", "h", "a", "b c" },
	{ "h a='#b'", "h", "a", "#b" },
	{ "h a=\"'yes'\"", "h", "a", "yes" },
	{ "h a=0644", "h", "a", "0644" },
	{ "h a=1\nh a=2", "h", "a", "2" },
	{ "\xef\xbb\xbf  h a=1\r\n", "h", "a", "1" },
	{ "h[01:10]", "h10", NULL, NULL },
	{ "h[01:10]", "h01", NULL, NULL },
	{ "h[:3]", "h0", NULL, NULL },
	{ "h[1:2]x[4:5]", "h2x5", NULL, NULL },
	{ "h[1:9:4]", "h9", NULL, NULL },
	{ "h[y:B]", "hB", NULL, NULL },
	{ "h[1:2]:23", "h2", "ansible_port", "23" },
	{ "h:23 ansible_port=24", "h", "ansible_port", "24" },
	{ "2001:db8::1", "2001:db8::1", NULL, NULL },
	{ "[2001:db8::1]:23", "2001:db8::1", "ansible_port", "23" },
	{ "[a:b].example", "b.example", NULL, NULL },
	{ "u@h", "h", "ansible_user", "u" },
	{ "h\n[all:vars]\na = \"b\" # c", "h", "a", "b" },
	{ "[all:vars]\na=0\n[b]\nh\n[z]\nh\n[z:vars]\na=z\n[b:vars]\na=b",
	  "h", "a", "z" },
	{ "[p:children]\nc\n[c]\nh\n[p:vars]\na=p\n[c:vars]\na=c", "h", "a",
	  "c" },
	{ "[b]\nh\n[z]\nh\n[z:vars]\na=z\n[b:vars]\na=b\n"
	  "ansible_group_priority=9", "h", "a", "b" },
	{ "[g]\nh a=host\n[g:vars]\na=g", "h", "a", "host" },
	{ "h:23\n[g]\nh", "h", "ansible_port", "23" },
	{ "[h[1:3]]:23", "h3", "ansible_port", "23" },
	{ "[2001:db8::[1:3]]:23", "2001:db8::2", "ansible_port", "23" },
	{ "# B\xfcro\n  ; B\xfcro\nh", "h", NULL, NULL },
	{ "h a='\"\\x41\\u00e9\\101\\d\"'", "h", "a",
	  "A\xc3\xa9" "A\\d" },
	{ "[g] # c\nh\n[empty]\n[p:children]\nempty", "h", NULL, NULL },
};

static void test_inventory_text_means_what_ansible_reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(means); i++) {
		g_autoptr(GPtrArray) problems = NULL;
		g_autoptr(Inventory) inventory = parse(means[i].text,
						       &problems);
		struct host *host;

		if (!inventory)
			print_error("refused: %s\n", means[i].text);
		assert_non_null(inventory);
		host = inventory_find(inventory, means[i].host);
		assert_non_null(host);
		if (means[i].name)
			assert_string_equal(host_var(host, means[i].name),
					    means[i].value);
	}
}

static void test_inventory_five_mistakes_give_five_problems(void **state)
{
	g_autoptr(GPtrArray) problems = NULL;

	(void)state;
	assert_null(parse("[masters]\n"
			  "a node_ip=1.2.3\n"
			  "b microk8s_chanel=1.32/stable\n"
			  "c[1-3]\n"
			  "[workrs:vars]\n"
			  "x=1 # y\n", &problems));
	assert_int_equal(problems->len, 5);
	for (guint i = 0; i < problems->len; i++) {
		const struct problem *p = g_ptr_array_index(problems, i);

		assert_int_equal(p->line, i + 2);
		assert_true(p->fatal);
	}
}

static void test_inventory_secret_is_taken_and_never_printed(void **state)
{
	g_autoptr(GPtrArray) problems = NULL;
	g_autoptr(GPtrArray) refused = NULL;
	g_autoptr(Inventory) inventory = parse(
		"h ansible_password=s3cret ansible_python_interpreter=/x\n",
		&problems);
	g_autofree char *line = NULL;

	(void)state;
	assert_non_null(inventory);
	assert_int_equal(problems->len, 0);
	assert_string_equal(host_var(inventory_find(inventory, "h"),
				     "ansible_password"), "s3cret");
	g_ptr_array_unref(g_steal_pointer(&problems));
	assert_null(parse("h ansible_password='{{ s3cret }}'\n", &refused));
	problems = g_ptr_array_ref(refused);
	assert_int_equal(problems->len, 1);
	line = problem_format(g_ptr_array_index(problems, 0));
	assert_non_null(strstr(line, "ansible_password"));
	assert_null(strstr(line, "s3cret"));
}

static void test_inventory_connection_variables_fill_the_host(void **state)
{
	g_autoptr(GPtrArray) problems = NULL;
	g_autoptr(Inventory) inventory = parse(
		"[master]\nh ansible_ssh_host=10.0.0.1 ansible_ssh_port=23 "
		"ansible_ssh_user=u ansible_become=No ansible_timeout=2m\n",
		&problems);
	const struct host *host = inventory_find(inventory, "h");

	(void)state;
	assert_string_equal(host->address, "10.0.0.1");
	assert_int_equal(host->port, 23);
	assert_string_equal(host->user, "u");
	assert_int_equal(host->become, HOST_BECOME_NO);
	assert_int_equal(host->connect_timeout_s, 120);
	assert_true(host_in_group(host, "masters"));
	assert_true(host_in_group(host, "master"));
	assert_true(host_in_group(host, "all"));
	assert_false(host_in_group(host, "ungrouped"));
}

static char *names_of(const GPtrArray *things, gsize offset)
{
	GString *names = g_string_new(NULL);

	for (guint i = 0; i < things->len; i++)
		g_string_append_printf(names, "%s%s", i ? " " : "",
				       G_STRUCT_MEMBER(char *, things->pdata[i],
						       offset));
	return g_string_free(names, FALSE);
}

static char *children_of(const struct inventory *inventory, const char *name)
{
	return names_of(inventory_find_group(inventory, name)->children,
			G_STRUCT_OFFSET(struct inventory_group, name));
}

/* Which host group[0] is hangs on it. */
static void test_inventory_groups_stand_in_ansibles_order(void **state)
{
	g_autoptr(GPtrArray) problems = NULL;
	g_autoptr(Inventory) inventory = parse(
		"[all]\nx\n[p:children]\nb\na\n[ungrouped]\ny\n[a]\nh1\n"
		"[b]\nh2\n[late:children]\nb\na\n", &problems);
	g_autofree char *all = children_of(inventory, "all");
	g_autofree char *p = children_of(inventory, "p");
	g_autofree char *late = children_of(inventory, "late");
	g_autofree char *rest = names_of(
		inventory_find_group(inventory, "ungrouped")->hosts,
		G_STRUCT_OFFSET(struct host, name));

	(void)state;
	assert_string_equal(all, "ungrouped p late");
	assert_string_equal(p, "a b");
	assert_string_equal(late, "b a");
	assert_string_equal(rest, "y x");
}

static void test_inventory_port_of_second_mention_is_warned_of(void **state)
{
	g_autoptr(GPtrArray) problems = NULL;
	g_autoptr(Inventory) inventory = parse("h\n[g]\nh:23\n", &problems);
	g_autofree char *line = NULL;

	(void)state;
	assert_non_null(inventory);
	assert_int_equal(inventory_find(inventory, "h")->port, 22);
	assert_int_equal(problems->len, 1);
	line = problem_format(g_ptr_array_index(problems, 0));
	assert_true(g_str_has_prefix(line, "i:3:1: warning: the port counts"));
}

static void test_inventory_alias_of_what_is_below_it_ends(void **state)
{
	g_autoptr(GPtrArray) problems = NULL;
	g_autoptr(Inventory) inventory = parse(
		"[master:children]\nmasters\n[masters]\nh1\n[master]\nh2\n",
		&problems);
	g_autoptr(GPtrArray) hosts = inventory_group_hosts(
		inventory_find_group(inventory, "masters"));
	g_autofree char *names = names_of(hosts, G_STRUCT_OFFSET(struct host,
								 name));

	(void)state;
	assert_string_equal(names, "h1 h2");
	assert_true(host_in_group(inventory_find(inventory, "h2"),
				  "masters"));
}

static void test_inventory_caps_are_refused(void **state)
{
	g_autofree char *big = g_strnfill(1024 * 1024 + 1, '#');
	g_autofree char *line = g_strnfill(64 * 1024 + 1, 'h');
	g_autoptr(GPtrArray) first = NULL, second = NULL, third = NULL;

	(void)state;
	assert_null(parse(big, &first));
	assert_null(parse(line, &second));
	assert_null(parse("h[1:10000]\nx\n", &third));
	assert_int_equal(((struct problem *)third->pdata[0])->line, 2);
}

static void test_inventory_missing_file_is_no_input(void **state)
{
	g_autoptr(GPtrArray) problems =
		g_ptr_array_new_with_free_func(free_problem);
	g_autoptr(GError) missing = NULL, directory = NULL;

	(void)state;
	assert_null(inventory_load("/nonexistent/i", &rules, problems,
				   &missing));
	assert_int_equal(missing->code, MUSTER_ERROR_NO_INPUT);
	assert_null(inventory_load("/", &rules, problems, &directory));
	assert_int_equal(directory->code, MUSTER_ERROR_DATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inventory_mistake_has_place_and_hint),
		cmocka_unit_test(test_inventory_text_means_what_ansible_reads),
		cmocka_unit_test(
			test_inventory_five_mistakes_give_five_problems),
		cmocka_unit_test(
			test_inventory_secret_is_taken_and_never_printed),
		cmocka_unit_test(
			test_inventory_connection_variables_fill_the_host),
		cmocka_unit_test(
			test_inventory_groups_stand_in_ansibles_order),
		cmocka_unit_test(
			test_inventory_port_of_second_mention_is_warned_of),
		cmocka_unit_test(
			test_inventory_alias_of_what_is_below_it_ends),
		cmocka_unit_test(test_inventory_caps_are_refused),
		cmocka_unit_test(test_inventory_missing_file_is_no_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
